"""The provider sandbox: speaks the wire formats of the gateways and messaging providers on this machine only."""
