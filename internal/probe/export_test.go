package probe

// Prefix is where everything is tried.
func (t *Trial) Prefix() string { return t.prefix }
