using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [ (name = "main", worker = (
    modules = [ (name = "worker", esModule = embed "workerd.js") ],
    compatibilityDate = "2026-08-01",
    compatibilityFlags = ["no_nodejs_compat"],
  )) ],
);
