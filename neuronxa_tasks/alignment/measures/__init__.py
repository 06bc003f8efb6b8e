"""One file per measure; the file's name is the measure's, and the folder is the list of them."""
