"""Everything that touches the world. asyncio, sockets, files and clocks live here and nowhere else."""
