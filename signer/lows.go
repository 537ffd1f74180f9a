package signer

import (
	"crypto/elliptic"
	"math/big"
)

// An ECDSA signature (r, s) is as good as (r, n-s), n being the order of the curve, and whoever
// has the one can make the other. A version has one manifest, byte for byte; so of the two only
// the one with the lower s is a manifest's.

// isLowS tells whether a signature is that one. Those of other algorithms have no second form.
func isLowS(alg Algorithm, signature []byte) bool {
	n := order(alg)
	return n == nil || sOf(signature).Cmp(new(big.Int).Rsh(n, 1)) <= 0
}

// makeLowS makes a signature that one, whoever made it: the devices that sign do not care.
func makeLowS(alg Algorithm, signature []byte) {
	if !isLowS(alg, signature) {
		s := sOf(signature)
		s.Sub(order(alg), s).FillBytes(signature[len(signature)/2:])
	}
}

// sOf is the s of r ‖ s (RFC 7518, section 3.4).
func sOf(signature []byte) *big.Int { return new(big.Int).SetBytes(signature[len(signature)/2:]) }

func order(alg Algorithm) *big.Int {
	switch alg {
	case ES256:
		return elliptic.P256().Params().N
	case ES384:
		return elliptic.P384().Params().N
	}
	return nil
}
