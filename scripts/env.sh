# Sourced by the other scripts: where things are built.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# First, since a distribution's cargo is too old.
export PATH=$HOME/.cargo/bin:$PATH
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/magnum-target}
LAB_DIR=${LAB_DIR:-$top/../shared/lab}
[ -x "$LAB_DIR/up" ] && LAB_DIR=$(cd "$LAB_DIR" && pwd) || LAB_DIR=
export LAB_DIR
no_lab() {
  cat <<TXT
SKIP: the lab is not here, so nothing ran against a real OpenStack.
      The lab is a set of scripts that brings Keystone, RabbitMQ, MariaDB, Barbican, Heat, Nova, Neutron and Glance
      up on one machine (docs/testing.md says what it must offer). Put it at ../shared/lab beside this checkout, or
      name it: LAB_DIR=/path/to/lab $0
TXT
}
