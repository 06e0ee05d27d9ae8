# Thin names for the scripts; each does its own set-up. ARGS goes through: make demo ARGS="--fresh --port 8801".
# make conformance SUITE=folder runs the public NGSI-LD suite that lies there.
.PHONY: demo test check proof bench docs conformance

demo test check proof bench docs:
	@scripts/$@ $(ARGS)

conformance:
	@scripts/conformance $(SUITE) $(ARGS)
