//go:build !portable

package memory

import (
	"syscall"
	"unsafe"
)

const hugePage = 2 << 20

// outside maps n bytes and asks for huge pages where whole ones fit; the rest is
// left to small ones, so that a block takes no more memory than its bytes.
// Where mappings cannot be had it gives nil.
func outside(n int) *Block {
	mapping, err := syscall.Mmap(-1, 0, n+hugePage, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	start := int(-uintptr(unsafe.Pointer(&mapping[0])) & (hugePage - 1))
	if whole := n &^ (hugePage - 1); whole > 0 {
		// It is a wish: a kernel without huge pages refuses, and nothing is lost.
		_ = syscall.Madvise(mapping[start:start+whole], syscall.MADV_HUGEPAGE)
	}
	return own(mapping, start, n, func(m []byte) { _ = syscall.Munmap(m) })
}
