"""Files of drops as cameras write them: images with a header each, as TIFF, or as HDF5."""
