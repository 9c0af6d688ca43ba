"""What speculation gains and loses: whole answers with and without it, and the steps that it is made of."""
