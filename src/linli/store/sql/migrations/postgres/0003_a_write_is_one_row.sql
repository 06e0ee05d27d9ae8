-- From schema 2 to 3: only the other engine changed its form.

UPDATE about SET schema = 3;
