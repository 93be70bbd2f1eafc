//! The one command language: shell subcommand = script line = palette line.
