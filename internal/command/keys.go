package command

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/revocast/revocast/signer"
)

// maxKeyFile bounds key files, of which a large one holds a few KiB.
const maxKeyFile = 1 << 20

// algorithms are the values of --alg.
func algorithms() string {
	var names []string
	for _, a := range signer.Algorithms() {
		names = append(names, string(a))
	}
	return strings.Join(names, ",")
}

// KeySet reads the public keys of one or more JWKS files.
func KeySet(paths ...string) (*signer.KeySet, error) {
	var all *signer.KeySet
	for _, path := range paths {
		data, _, err := readKeyFile(path)
		if err != nil {
			return nil, err
		}
		set, err := signer.ParseKeySet(data)
		if err != nil {
			return nil, fmt.Errorf("the public keys in %s: %w", path, err)
		}
		if all == nil {
			all = set
		} else if all, err = all.Union(set); err != nil {
			return nil, fmt.Errorf("the public keys in %s: %w", path, err)
		}
	}
	return all, nil
}

// PrivateKey reads a private JWK, and warns if others can read it too.
func (e *Env) PrivateKey(path string) (*signer.PrivateKey, error) {
	key, warning, err := ReadPrivateKey(path)
	if warning != "" {
		e.Warn("warning: %s", warning)
	}
	return key, err
}

// ReadPrivateKey reads a private JWK. The warning, if there is one, says that others
// can read it too.
func ReadPrivateKey(path string) (key *signer.PrivateKey, warning string, err error) {
	data, mode, err := readKeyFile(path)
	if err != nil {
		return nil, "", err
	}
	if key, err = signer.ParsePrivateKey(data); err != nil {
		return nil, "", fmt.Errorf("the private key in %s: %w", path, err)
	}
	if mode.IsRegular() && mode.Perm()&0o077 != 0 {
		warning = fmt.Sprintf("%s can be read by others than its owner (mode %04o); run chmod 600 on it", path, mode.Perm())
	}
	return key, warning, nil
}

func readKeyFile(path string) ([]byte, os.FileMode, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("the key file cannot be read: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, fmt.Errorf("the key file cannot be read: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, 0, fmt.Errorf("the key file cannot be read: %w", err)
	}
	if len(data) > maxKeyFile {
		return nil, 0, fmt.Errorf("%s has more than %d bytes, so it is no key file", path, maxKeyFile)
	}
	return data, info.Mode(), nil
}
