"""An observatory: its data, its pipelines, its cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hven.core.errors import ConfigurationError
from hven.model.collection import home_of
from hven.model.data_id import DataId, DatasetRef
from hven.model.product import Product
from hven.observatory.telemetry import Measured
from hven.registry.sharing import open_new

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from intake.readers.entry import Catalog


class Observatory(Measured):
    """Everything one does with an observatory's data; `hven.connect` makes it.

    Data ID keys (`instrument, day_obs, observation, detector`, ...) are keywords of most methods; those that are not
    needed to tell datasets apart may be left out.

    Parameters
    ----------
    settings
        Of its site.
    registry
        Index of its products.
    user
        Who works with it; the Unix user by default.
    jobs, campaigns, schedules, commands
        Those in that user's name; by default their tables are opened.
    """

    def save(
        self,
        dataset: xr.Dataset,
        name: str,
        *,
        level: str = "L2",
        inputs: Sequence[xr.Dataset] = (),
        notes: Mapping[str, Any] | None = None,
        project: str = "",
        **data_id: Any,
    ) -> Product:
        """Publish a dataset of one's own in the collection `u/<user>/<name>`.

        Parameters
        ----------
        dataset
            In memory or lazy.
        name
            What it is, e.g. ``my-flat``: letters, digits, dots, dashes and underscores. Its dataset type becomes
            ``<instrument>.my-flat``.
        level
            ``L1`` or ``L2``.
        inputs
            Datasets opened by hven from which it was made; their ids and digests go into its provenance. A dataset
            that still says which product it was opened from counts as made from that.
        notes
            Anything to be kept in the provenance record.
        project
            Unix group into whose project it goes, `p/<project>/<name>`, for all its members.
        data_id
            Data ID; that of the first input by default.

        Returns
        -------
        Product
            Open it with ``obs.open(name, collection=product.run)``.

        Raises
        ------
        ConfigurationError
            When neither data ID nor inputs are given, the name cannot be used, or a variable, an attribute or a note
            cannot be stored.
        QuotaExceededError
            When one's own space is full; nothing was written.
        """
        from hven.observatory import save, saveable

        saveable.check(dataset, notes or {})
        owner = self._owner(project)
        ids = [str(d.attrs["hven_id"]) for d in (*inputs, dataset) if "hven_id" in d.attrs]
        sources = [self.product(i) for i in dict.fromkeys(ids)]
        given = DataId(data_id)
        if not given and not sources:
            raise ConfigurationError("the product has no data ID", hint="Give inputs=[...] or data ID keys.")
        base = sources[0].ref.data_id if sources else DataId(instrument=self.settings.instruments[0])
        where = DataId({**base, **given})
        ref = DatasetRef(save.user_type(name, level, str(where["instrument"])), where)
        product = save.save(
            self.root,
            dataset,
            ref,
            user=self.user,
            owner=owner,
            site=self.settings.site,
            run=f"{home_of(owner)}/{name}",
            inputs=sources,
            notes=notes or {},
        )
        open_new(self.registry, self.root, [product])
        self.registry.register([product], inputs={product.id: [p.id for p in sources]})
        return product

    def get(
        self,
        dataset_type: str,
        level: str | None = None,
        *,
        file_format: str = "fits",
        target: Path | str | None = None,
        where: str = "",
        collection: str = "",
        **data_id: object,
    ) -> Path:
        """Write the one dataset that fits into a file of its own for other programs.

        Parameters
        ----------
        dataset_type, level, where, collection, data_id
            As in `open`.
        file_format
            ``fits``, ``parquet`` (tables only) or ``zarr``.
        target
            File to be made; named after the dataset in the working directory by default.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ConflictError
            When the file is there already.
        """
        from hven.observatory import export

        product = self.one(dataset_type, level, where=where, collection=collection, bad=False, **data_id)
        path = Path(target) if target else Path(f"{export.file_stem(product)}.{file_format}")
        return export.export(self.root, product, self.open_product(product), file_format, path)

    def catalog(self) -> Catalog:
        """Intake catalog of the declared dataset types on this data root.

        Examples
        --------
        ::

            obs.catalog()["L1/panoseti.ph1024"](day_obs=20251021, observation="...", detector=254).read()
        """
        from hven.catalog.make import make_catalog

        return make_catalog(self.dataset_types, root=str(self.root))
