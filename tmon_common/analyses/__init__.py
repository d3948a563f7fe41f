"""What can be measured: analyses, declared for everybody who must know of them; the code that measures is the probe's alone."""
