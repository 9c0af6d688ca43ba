"""What the servers are asked to do, and the client processes that ask."""
