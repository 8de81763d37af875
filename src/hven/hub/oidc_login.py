"""Login at an OpenID Connect provider; who somebody is on this machine, and what they may, its Unix accounts say."""

from __future__ import annotations

from typing import Any

from oauthenticator.generic import GenericOAuthenticator
from traitlets import Dict, Unicode

from hven.core.settings import OidcSettings
from hven.hub.unix_login import UnixPeople


class OidcLogin(UnixPeople, GenericOAuthenticator):  # type: ignore[misc] # these have no types
    """The provider says who it is; the Unix account of that name, or the one in `people`, decides the rest."""

    people = Dict(key_trait=Unicode(), value_trait=Unicode(), help="Unix account by the provider's name").tag(
        config=True
    )

    def normalize_username(self, username: str) -> str:
        """Names as they are: the provider's spelling is looked up in `people`."""
        return username

    async def authenticate(self, handler: Any, data: Any = None, **more: Any) -> dict[str, Any] | None:
        """The Unix account of who came back from the provider; None for a name that no account belongs to."""
        found: dict[str, Any] | None = await super().authenticate(handler, data, **more)
        if found is None:
            return None
        account = self.people.get(found["name"]) if self.people else found["name"]
        if account is None:
            self.log.warning("Refused %r: no Unix account is named for it.", found["name"])
            return None
        return {**found, "name": account, "groups": []}


def configure_oidc(c: Any, oidc: OidcSettings, public: str) -> None:
    """Configure the login.

    Parameters
    ----------
    public
        Address in people's browsers; the provider sends them back to it.
    """
    c.JupyterHub.authenticator_class = OidcLogin
    c.OidcLogin.client_id = oidc.client_id
    c.OidcLogin.client_secret = oidc.client_secret_file.read_text().strip()
    c.OidcLogin.authorize_url = oidc.authorize_url
    c.OidcLogin.token_url = oidc.token_url
    c.OidcLogin.userdata_url = oidc.userdata_url
    c.OidcLogin.username_claim = oidc.name_claim
    c.OidcLogin.people = dict(oidc.accounts)
    c.OidcLogin.login_service = oidc.login_service
    c.OidcLogin.oauth_callback_url = f"{public}/hub/oauth_callback"
    c.OidcLogin.scope = ["openid", "profile"]
