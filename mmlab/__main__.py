"""`python -m mmlab`, as torchrun starts it."""

from mmlab.cli import main

main()
