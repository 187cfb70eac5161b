"""The labs: course assignments on neural networks, one script each; `fastnn lab NAME` runs one."""
