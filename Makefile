# Thin names for the scripts; each does its own set-up. ARGS goes through: make demo ARGS="--fresh --port 8801".
.PHONY: demo test check proof bench docs

demo test check proof bench docs:
	@scripts/$@ $(ARGS)
