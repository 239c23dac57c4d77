# An edge on workerd. Settings come from the environment of `workerd serve`; packages/router/README.md lists them.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [ (name = "edge", worker = .edge), (name = "outside", network = (allow = ["public", "private"])) ],
  sockets = [ (name = "http", address = "127.0.0.1:8480", http = (), service = "edge") ],
);

const edge :Workerd.Worker = (
  modules = [ (name = "worker", esModule = embed "dist/worker.js") ],
  compatibilityDate = "2026-08-01",
  compatibilityFlags = ["no_nodejs_compat"],
  # The broker is reached from here.
  globalOutbound = "outside",
  durableObjectNamespaces = [ (className = "WeaveLink", uniqueKey = "weave-link") ],
  durableObjectStorage = (inMemory = void),
  bindings = [
    (name = "WEAVE_LINK", durableObjectNamespace = "WeaveLink"),
    (name = "WEAVE_NATS_URL", fromEnvironment = "WEAVE_NATS_URL"),
    (name = "WEAVE_TRUST", fromEnvironment = "WEAVE_TRUST"),
    (name = "WEAVE_ADDRESS_HEADER", fromEnvironment = "WEAVE_ADDRESS_HEADER"),
    (name = "WEAVE_ADDRESS_PER_MINUTE", fromEnvironment = "WEAVE_ADDRESS_PER_MINUTE"),
    (name = "WEAVE_ADDRESS_BURST", fromEnvironment = "WEAVE_ADDRESS_BURST"),
    (name = "WEAVE_SENDER_PER_MINUTE", fromEnvironment = "WEAVE_SENDER_PER_MINUTE"),
    (name = "WEAVE_SENDER_BURST", fromEnvironment = "WEAVE_SENDER_BURST"),
    (name = "WEAVE_NEXUS_DEADLINE_MS", fromEnvironment = "WEAVE_NEXUS_DEADLINE_MS"),
    (name = "WEAVE_CORS_ORIGINS", fromEnvironment = "WEAVE_CORS_ORIGINS"),
    (name = "WEAVE_LOG_LEVEL", fromEnvironment = "WEAVE_LOG_LEVEL"),
  ],
);
