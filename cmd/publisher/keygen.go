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

// writeNew writes a file that must not exist, and makes it durable. The bytes get
// their name as the last thing, by a hard link, which fails if the name is taken: a
// program that dies half-way leaves no half of a key that nobody would then overwrite.
func writeNew(path string, data []byte, mode fs.FileMode) error {
	temp, err := writeTemp(filepath.Dir(path), data, mode)
	if err != nil {
		return fmt.Errorf("the key cannot be written: %w", err)
	}
	defer os.Remove(temp)
	err = os.Link(temp, path)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already, and a key is never overwritten; choose another --out", path)
	}
	if err == nil {
		if err = syncFolder(filepath.Dir(path)); err != nil {
			os.Remove(path) // or else the next try would find it in its way
		}
	}
	if err != nil {
		return fmt.Errorf("the key cannot be written: %w", err)
	}
	return nil
}

// writeTemp writes a file under a name of its own.
func writeTemp(folder string, data []byte, mode fs.FileMode) (name string, err error) {
	f, err := os.CreateTemp(folder, ".keygen-") // which nobody else can read
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), err
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
