"""Events: facts published with the change that made them, heard in the transaction or, at least once, in a worker."""
