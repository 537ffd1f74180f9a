package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// remove removes a file, and the folders above it that this leaves empty: a cache
// that follows a list would collect one for every version.
func (d *dir) remove(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for folder := filepath.Dir(file); folder != d.path && len(folder) > len(d.path); folder = filepath.Dir(folder) {
		if syscall.Rmdir(folder) != nil {
			break // there is something in it, as a rule
		}
	}
	return nil
}

// Litter implements Sweeper.
func (d *dir) Litter(ctx context.Context, before time.Time) ([]Info, error) {
	var infos []Info
	err := d.walk(ctx, "", span{}, func(name string, info fs.FileInfo) {
		size := info.Size()
		switch {
		case info.IsDir():
			if left, err := os.ReadDir(filepath.Join(d.path, filepath.FromSlash(name))); err != nil || len(left) > 0 {
				return // the walk returns the error
			}
			name, size = name+"/", 0
		case !info.Mode().IsRegular():
			return
		}
		if isLitter(name) && info.ModTime().Before(before) {
			infos = append(infos, Info{name, size, info.ModTime()})
		}
	})
	slices.SortFunc(infos, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return infos, err
}

// isLitter tells by its name whether something may be litter: a folder that objects may
// have, or a temporary file in the store itself or in such a folder.
func isLitter(name string) bool {
	folder, isFolder := strings.CutSuffix(name, "/")
	if !isFolder {
		slash := strings.LastIndexByte(name, '/')
		if !strings.HasPrefix(name[slash+1:], tempPrefix) {
			return false
		}
		if slash < 0 {
			return true
		}
		folder = name[:slash]
	}
	return CheckName(folder) == nil
}

// Sweep implements Sweeper.
func (d *dir) Sweep(ctx context.Context, name string) error {
	if !isLitter(name) {
		return fmt.Errorf("%w %q: it is no temporary file and no folder", ErrBadName, name)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	path := filepath.Join(d.path, filepath.FromSlash(name))
	if !strings.HasSuffix(name, "/") {
		return d.remove(path)
	}
	err := syscall.Rmdir(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist) {
		return nil // somebody uses it after all
	}
	if err != nil {
		return &fs.PathError{Op: "remove", Path: path, Err: err}
	}
	return nil
}
