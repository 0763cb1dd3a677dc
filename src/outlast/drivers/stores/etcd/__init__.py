"""The store on etcd, the engine for several machines."""
