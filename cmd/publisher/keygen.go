package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/revocast/revocast/internal/command"
	"github.com/revocast/revocast/signer"
)

type keygen struct {
	Out string           `required:"" placeholder:"signing.jwk" help:"File for the private key; the public one goes to signing.pub.jwks beside it."`
	Alg signer.Algorithm `default:"EdDSA" enum:"${algorithms}" help:"One of ${enum}."`
}

func (keygen) Help() string {
	return `Example:

    publisher keygen --out signing.jwk

The private key stays where lists are published. The public key set is what clients, verifiers and auditors pin.`
}

func (c *keygen) Run(env *command.Env) error {
	key, err := signer.Generate(c.Alg, env.Rand)
	if err != nil {
		return err
	}
	private, err := key.MarshalJWK()
	if err != nil {
		return err
	}
	public, err := key.Public().MarshalJWKS()
	if err != nil {
		return err
	}
	publicOut := strings.TrimSuffix(c.Out, ".jwk") + ".pub.jwks"
	if _, err := os.Lstat(c.Out); err == nil {
		return fmt.Errorf("%s exists already, and a key is never overwritten; choose another --out", c.Out)
	}
	// The public half first: without the private one it is harmless.
	if err := writeNew(publicOut, public, 0o644); err != nil {
		return err
	}
	if err := writeNew(c.Out, private, 0o600); err != nil {
		return errors.Join(err, os.Remove(publicOut))
	}
	env.Print(map[string]any{"kid": key.ID(), "alg": key.Algorithm(), "private": c.Out, "public": publicOut},
		fmt.Sprintf("made the %s key %s\n  private  %s  (keep it where lists are published)\n  public   %s  (give it to whoever checks tokens)", key.Algorithm(), key.ID(), c.Out, publicOut))
	return nil
}

// writeNew writes a file that must not exist, and makes it durable.
func writeNew(path string, data []byte, mode fs.FileMode) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already, and a key is never overwritten; choose another --out", path)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(path)
		}
	}()
	if _, err := f.Write(append(data, '\n')); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
