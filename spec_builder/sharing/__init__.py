"""What is given to others, and its checks: exports, archives, HEPData submissions, citations."""
