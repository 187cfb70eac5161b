"""The playground of `fastnn play`: a page on this machine, where networks are built, trained and looked into."""
