"""How the run breaks its etcd and mends it."""

from pathlib import Path

import pytest
from chaos.etcd import EtcdArchivist
from chaos.history import Recorder
from tests.support.etcd import running

from outlast.drivers.stores.etcd.link import Access
from outlast.drivers.stores.etcd.store import EtcdStore
from outlast.ports import Change

QUOTA_BYTES = 16 * 1024 * 1024


@pytest.mark.servers
@pytest.mark.slow
async def test_a_copy_of_a_full_etcd_is_restored_with_room(tmp_path: Path) -> None:
    """Else nothing could be written any more, which would be taken for a fault of Outlast's."""
    with running(1, quota_bytes=QUOTA_BYTES) as one:
        archivist = EtcdArchivist(one, Recorder())
        try:
            archivist.fill()
            archivist.copy(tmp_path / "full.db")
            archivist.put(tmp_path / "full.db")
        finally:
            archivist.close()
        store = await EtcdStore.open(Access(endpoints=one.endpoints))
        try:
            assert await store.commit(Change(puts=(("a", b"1"),))) is not None
        finally:
            await store.close()
