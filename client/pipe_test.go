//go:build unix

package client_test

import "syscall"

func makePipe(path string) error { return syscall.Mkfifo(path, 0o600) }
