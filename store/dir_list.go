package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func (d *dir) List(ctx context.Context, prefix, after string) ([]Info, error) {
	var infos []Info
	err := d.walk(ctx, "", span{prefix, after}, func(name string, info fs.FileInfo) {
		if info.Mode().IsRegular() && CheckName(name) == nil {
			infos = append(infos, Info{name, info.Size(), info.ModTime()})
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(infos, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return infos, nil
}

// A span is the names that begin with a prefix and come after a name.
type span struct{ prefix, after string }

func (s span) has(name string) bool { return strings.HasPrefix(name, s.prefix) && name > s.after }

// within returns the part of the span in a folder, whose name ends in a slash. Its names are relative
// to the folder. It reports whether there is any.
func (s span) within(folder string) (in span, ok bool) {
	switch {
	case strings.HasPrefix(s.prefix, folder):
		in.prefix = s.prefix[len(folder):]
	case !strings.HasPrefix(folder, s.prefix):
		return in, false
	}
	switch {
	case strings.HasPrefix(s.after, folder):
		in.after = s.after[len(folder):]
	case folder < s.after:
		return in, false
	}
	return in, true
}

// walk visits the files and folders of a span in a folder, "" or a name that ends in a slash. They
// are sorted within each folder, and a folder is visited before its contents. The walk skips what
// is removed meanwhile, and folders with names that no object's name can begin with, such as
// lost+found, which only root can read. Any other folder that cannot be read is an error. Names
// outside of the span cost nothing but reading them: a million take 0.25 s.
func (d *dir) walk(ctx context.Context, folder string, in span, visit func(name string, info fs.FileInfo)) error {
	path := filepath.Join(d.path, filepath.FromSlash(folder)) + string(filepath.Separator)
	// The separator has the directory itself followed if it is a symbolic link.
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the store itself may not be there yet
	}
	if err != nil {
		return err
	}
	entries, err := read(ctx, f, in)
	f.Close()
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		info, err := os.Lstat(path + entry)
		switch name := folder + entry; {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case !info.IsDir():
			if in.has(entry) {
				visit(name, info)
			}
		case CheckName(name) == nil:
			if in, ok := in.within(entry + "/"); ok {
				visit(name, info)
				if err := d.walk(ctx, name+"/", in, visit); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// read returns the names in a folder that are in a span, or are those of folders that may be.
func read(ctx context.Context, folder *os.File, in span) ([]string, error) {
	var entries []string
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		some, err := folder.Readdirnames(1024)
		for _, entry := range some {
			if _, ok := in.within(entry + "/"); ok || in.has(entry) {
				entries = append(entries, entry)
			}
		}
		if err == io.EOF || errors.Is(err, fs.ErrNotExist) {
			slices.Sort(entries) // a disk reads files faster in the order of their making
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
