package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// tempPrefix begins the names of files that are being written. No object's name
// has a part that begins with a dot, so nobody reads them by mistake.
const tempPrefix = ".tmp-"

// maxHashed bounds the objects that have an ETag in a directory: the hint is
// small, and large objects never change.
const maxHashed = 64 << 10

// dir is a directory as a store.
type dir struct{ path string }

// OpenDir gives a directory as a store. It and the folders in it are made when they are
// first written to; while it is not there, it is a store without objects.
// Objects become visible whole, and are on the disk when Create or Put return, also when
// Create gives ErrExists: who reads the object back may rely on it. The file
// system must have hard links, which is how Create can fail if the
// object exists and still never show half of it.
func OpenDir(path string) (Store, error) {
	if path == "" {
		return nil, errors.New("the store's directory has an empty name")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(abs); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s is a file; a store is a directory, or an address such as s3://bucket/prefix", path)
	}
	return &dir{abs}, nil
}

func (d *dir) String() string { return d.path }

func (d *dir) file(name string) (string, error) {
	if err := CheckName(name); err != nil {
		return "", err
	}
	return filepath.Join(d.path, filepath.FromSlash(name)), nil
}

// Open implements Opener.
func (d *dir) Open(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	f, size, err := d.open(ctx, name)
	if err != nil {
		return nil, 0, err
	}
	return f, size, nil
}

func (d *dir) open(ctx context.Context, name string) (*os.File, int64, error) {
	path, err := d.file(name)
	if err != nil {
		return nil, 0, err
	}
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	// A pipe in the place of a file would be waited for when it is opened.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, 0, notFound(d, name)
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, notFound(d, name)
	}
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notFound(d, name)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

func (d *dir) Get(ctx context.Context, name string, limit int64, ifNoneMatch string) (Object, error) {
	f, size, err := d.open(ctx, name)
	if err != nil {
		return Object{}, err
	}
	defer f.Close()
	if size > limit {
		return Object{}, tooLarge(d, name, limit)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(f, data); err != nil {
		return Object{}, fmt.Errorf("%s in %s changed while it was read: %w", name, d, err)
	}
	if len(data) > maxHashed {
		return Object{Data: data}, nil
	}
	sum := sha256.Sum256(data)
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	if etag == ifNoneMatch {
		return Object{}, fmt.Errorf("%w: %s in %s", ErrNotModified, name, d)
	}
	return Object{Data: data, ETag: etag}, nil
}

func (d *dir) Create(ctx context.Context, name string, data []byte) error {
	return d.write(ctx, name, data, func(temp, path string) error {
		err := os.Link(temp, path)
		switch {
		case errors.Is(err, fs.ErrExist):
			return fmt.Errorf("%w: %s in %s", ErrExists, name, d)
		case errors.Is(err, syscall.EPERM), errors.Is(err, errors.ErrUnsupported):
			return fmt.Errorf("%s in %s cannot be created: the file system must have hard links, and refuses one; choose a directory on one that has them: %w", name, d, err)
		}
		return err
	})
}

func (d *dir) Put(ctx context.Context, name string, data []byte) error {
	return d.write(ctx, name, data, os.Rename)
}

// write makes the object's bytes durable under a temporary name, gives them their
// name, and makes that durable. An object that exists may be there without being
// durable, if whoever created it was told of a disk that failed, or died; who is told that it
// exists takes it for published, so its name is made durable first.
func (d *dir) write(ctx context.Context, name string, data []byte, publish func(temp, path string) error) error {
	path, err := d.file(name)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	folder := filepath.Dir(path)
	temp, err := d.makeTemp(folder, data)
	if err != nil {
		return err
	}
	defer os.Remove(temp) // after a rename there is nothing left to remove
	published := publish(temp, path)
	if published != nil && !errors.Is(published, ErrExists) {
		return published
	}
	if err := d.syncUp(folder); err != nil {
		return err
	}
	return published
}

// makeTemp makes the folder and in it a temporary file. Somebody who tidies up may
// take the folder away between the two, while it is empty.
func (d *dir) makeTemp(folder string, data []byte) (temp string, err error) {
	for range 100 {
		if err = d.make(folder); err == nil {
			temp, err = writeTemp(folder, data)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return temp, err
}

func writeTemp(folder string, data []byte) (name string, err error) {
	f, err := os.CreateTemp(folder, tempPrefix)
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(data); err != nil {
		return "", err
	}
	// Other users, a web server for one, read what lies in a store.
	if err := f.Chmod(0o644); err != nil {
		return "", err
	}
	if err := f.Sync(); err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// make makes a folder and those above it. The store's own are readable for other users, as
// files are, whatever the umask; those above it are nobody's business here.
func (d *dir) make(folder string) error {
	if info, err := os.Stat(folder); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(folder)
	if parent == folder {
		return fmt.Errorf("%s is not there", folder)
	}
	if err := d.make(parent); err != nil {
		return err
	}
	err := os.Mkdir(folder, 0o755)
	if err == nil && len(folder) >= len(d.path) {
		err = unmask(folder)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

// unmask adds the rights that the umask took away. What a folder inherited stays.
func unmask(folder string) error {
	info, err := os.Stat(folder)
	if err != nil || info.Mode()&0o755 == 0o755 {
		return err
	}
	return os.Chmod(folder, info.Mode()|0o755)
}

// syncUp makes the names in a folder durable, and those of the folders from it up to the
// store. They may be there already without being durable: another writer has just made
// one, and has not come to sync it, or died before. To sync what is durable takes 0.03 ms.
func (d *dir) syncUp(folder string) error {
	for {
		if err := syncDir(folder); err != nil || len(folder) <= len(d.path) {
			return err
		}
		folder = filepath.Dir(folder)
	}
}

// syncDir makes the names in a folder durable.
func syncDir(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func (d *dir) Delete(ctx context.Context, name string) error {
	path, err := d.file(name)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.remove(path)
}
