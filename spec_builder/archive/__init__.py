"""Archives to share: the files of one analysis with what it takes to check them, and the HEPData record around them."""
