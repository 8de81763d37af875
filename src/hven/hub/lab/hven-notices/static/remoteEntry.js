// JupyterLab's part of hven.hub.notices: a module federation container written by hand, so that nothing is built.
(() => {
  const EVERY_MS = 60000;
  let shared;

  const shares = async (name) => (await Object.values(shared[name])[0].get())();

  const plugin = {
    id: "hven-notices:plugin",
    description: "Announcements, jobs that have ended, and a warning before an unused server stops.",
    autoStart: true,
    activate: async (app) => {
      const { Notification } = await shares("@jupyterlab/apputils");
      const { ServerConnection } = await shares("@jupyterlab/services");
      const settings = app.serviceManager.serverSettings;
      const url = settings.baseUrl + "hven/notices";
      const shown = { announcement: ["", null], warning: ["", null] };

      const show = (kind, text, make) => {
        const [before, id] = shown[kind];
        if (text === before) return;
        if (id !== null) Notification.dismiss(id);
        shown[kind] = [text, text ? make(text) : null];
      };

      const keep = () => ServerConnection.makeRequest(url, { method: "POST" }, settings).then(look);

      async function look() {
        let notices;
        try {
          const answer = await ServerConnection.makeRequest(url, {}, settings);
          if (!answer.ok) return;
          notices = await answer.json();
        } catch {
          return; // JupyterLab itself says that the server does not answer
        }
        show("announcement", notices.announcement, (text) => Notification.info(text, { autoClose: false }));
        const minutes = notices.stops_in_s === null ? 0 : Math.max(1, Math.ceil(notices.stops_in_s / 60));
        const warning = minutes
          ? `Nothing has run here for a while: your server stops in ${minutes} min. Files are kept, variables are not.`
          : "";
        show("warning", warning, (text) =>
          Notification.warning(text, {
            autoClose: false,
            actions: [{ label: "Keep it running", displayType: "accent", callback: keep }],
          })
        );
      }

      // A form in a notebook says that a job has ended (hven.widgets.notify).
      window.addEventListener("hven-notice", ({ detail }) => {
        const desktop = window.Notification;
        if (!detail.text) {
          if (desktop && desktop.permission === "default") desktop.requestPermission();
          return;
        }
        (detail.good ? Notification.success : Notification.warning)(detail.text, { autoClose: false });
        if (document.hidden && desktop && desktop.permission === "granted") new desktop("hven", { body: detail.text });
      });

      app.restored.then(() => {
        look();
        setInterval(look, EVERY_MS);
      }); // not earlier: what is said before JupyterLab listens is not shown
    },
  };

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["hven-notices"] = {
    init: async (scope) => {
      shared = scope;
    },
    get: async () => () => ({ __esModule: true, default: [plugin] }),
  };
})();
