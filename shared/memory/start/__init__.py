"""What the models that are loaded at the start get of the devices' memory, beside each other."""
