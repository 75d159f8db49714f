//! The authenticator on a path Unix socket, with a store of its own.
