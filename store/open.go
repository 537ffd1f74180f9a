package store

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

// Open gives the store at an address that is read: a directory, file:///path, or
// http:// and https:// for what a web server serves. A bucket is opened by package
// store/s3, so that who does not use one need not link its client.
func Open(address string) (Reader, error) {
	scheme, _, ok := strings.Cut(address, "://")
	switch {
	case !ok:
		return OpenDir(address)
	case scheme == "file":
		path, err := filePath(address)
		if err != nil {
			return nil, err
		}
		return OpenDir(path)
	case scheme == "http", scheme == "https":
		return OpenHTTP(address, nil)
	}
	return nil, fmt.Errorf("a store is a directory, or begins with file://, http:// or https://, and not with %s://", scheme)
}

// filePath is the path of a file URL (RFC 8089).
func filePath(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("the store's address is not a URL: %w", err)
	}
	if u.Host != "" && u.Host != "localhost" || u.Path == "" {
		return "", fmt.Errorf("%s must have three slashes and an absolute path: file:///srv/list", address)
	}
	return filepath.FromSlash(u.Path), nil
}
