"""Agreement of training on one device, several devices and several processes."""
