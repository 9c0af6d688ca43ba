"""Which models are on this machine: fetched by this program or others, in packages, and in folders of the operator."""
