"""One's own space: what it holds, and removing what is not needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hven.model.product import Product
from hven.observatory.watched import Watched

if TYPE_CHECKING:
    from hven.retention.remove import Removal, Step
    from hven.retention.space import Space


class OwnSpace(Watched):
    """Looking after one's own products; see `Observatory`."""

    def space(self) -> Space:
        """What one's own products take, how much they may, and which can be made again by which command.

        Examples
        --------
        ::

            space = obs.space()
            space.used, space.quota                        # bytes
            [own.again.command for own in space.products if own.reproducible]
        """
        from hven.retention.space import measure

        return measure(self.registry, self.settings, self.user, self.instruments)

    def remove(self, *products: Product | str, really: bool = False, step: Step = lambda _done, _of: None) -> Removal:
        """Move products of one's own into one's trash; they count until it is emptied.

        Parameters
        ----------
        products
            Records or ids.
        really
            Do it; otherwise the answer says what would be removed.
        step
            Told how many are moved, and of how many.

        Raises
        ------
        AccessDeniedError
            When one is somebody else's or the observatory's.
        ConflictError
            When one must stay, because others' products were made from it or their collections hold it.
        """
        from hven.retention.remove import remove

        ids = [p if isinstance(p, str) else p.id for p in products]
        return remove(self.registry, self.root, self.user, ids, really=really, step=step)

    def empty_trash(self, *, really: bool = False, step: Step = lambda _done, _of: None) -> int:
        """Delete what lies in one's trash, for good; the bytes that this frees, or would free."""
        from hven.retention.remove import empty

        return empty(self.registry, self.root, self.user, really=really, step=step)

    def share(self, collection: str, group: str, *, step: Step = lambda _done, _of: None) -> list[Product]:
        """Let a Unix group, of which one is a member, read a run of one's own, with all that will be born there.

        Raises
        ------
        AccessDeniedError
            When the run is not one's own, or one is no member of the group.
        ConfigurationError
            For anything but a run, and in the try-out.
        """
        from hven.access.share import share

        return share(self.registry, self.settings, self.user, collection, group, step=step)

    def unshare(self, collection: str, group: str, *, step: Step = lambda _done, _of: None) -> list[Product]:
        """Take that back."""
        from hven.access.share import revoke

        return revoke(self.registry, self.settings, self.user, collection, group, step=step)

    def _owner(self, project: str, *, shared: bool = False) -> str:
        """Whose what one makes will be; raises where one may not, or has no room."""
        from hven.access.projects import owner_in

        owner = owner_in(self.settings, self.user, project, shared=shared)
        if owner == self.user:
            self.check_quota()
        return owner

    def check_quota(self) -> None:
        """Raise QuotaExceededError, which names what is largest, when one may make nothing more of one's own."""
        from hven.retention.quota import check_quota

        check_quota(self.registry, self.settings, self.user)
