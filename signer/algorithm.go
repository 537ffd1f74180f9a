package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"
)

// An Algorithm is the JOSE name of a signature algorithm (RFC 7518 section 3.1,
// RFC 8037 section 3.1).
type Algorithm string

// The supported algorithms. EdDSA, with Ed25519, is the one to prefer.
const (
	EdDSA Algorithm = "EdDSA"
	ES256 Algorithm = "ES256"
	ES384 Algorithm = "ES384"
	PS256 Algorithm = "PS256"
	RS256 Algorithm = "RS256"
)

// Bounds of an RSA modulus in bits. Below, it can be broken; above, a
// check takes milliseconds, which a hostile key set could ask for 64 times.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// Algorithms returns the supported algorithms, the one to prefer first.
func Algorithms() []Algorithm {
	return []Algorithm{EdDSA, ES256, ES384, PS256, RS256}
}

// ParseAlgorithm returns the algorithm of that name, which is case-sensitive.
// The error for any other, "none" and HMAC included, wraps [ErrAlgorithm] and
// lists the supported ones.
func ParseAlgorithm(name string) (Algorithm, error) {
	if a := Algorithm(name); slices.Contains(Algorithms(), a) {
		return a, nil
	}
	return "", fmt.Errorf("%w: %q is not one of %s", ErrAlgorithm, clip(name), joinAlgorithms(Algorithms()))
}

// algorithmsFor returns what a public key can be used with, after checking that
// the key itself is sound.
func algorithmsFor(public crypto.PublicKey) ([]Algorithm, error) {
	switch pub := public.(type) {
	case ed25519.PublicKey:
		// The standard library panics on any other length.
		if len(pub) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("%w: an Ed25519 public key has %d bytes, not %d", ErrBadKey, ed25519.PublicKeySize, len(pub))
		}
		return []Algorithm{EdDSA}, nil
	case *ecdsa.PublicKey:
		if pub == nil || pub.Curve != elliptic.P256() && pub.Curve != elliptic.P384() {
			return nil, fmt.Errorf("%w: its curve is neither P-256 nor P-384", ErrBadKey)
		}
		if _, err := pub.ECDH(); err != nil { // refuses points that are not on the curve
			return nil, fmt.Errorf("%w: x and y are no point of the curve %s", ErrBadKey, pub.Curve.Params().Name)
		}
		if pub.Curve == elliptic.P256() {
			return []Algorithm{ES256}, nil
		}
		return []Algorithm{ES384}, nil
	case *rsa.PublicKey:
		if pub == nil || pub.N == nil {
			return nil, fmt.Errorf("%w: the RSA key has no modulus", ErrBadKey)
		}
		if bits := pub.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return nil, fmt.Errorf("%w: the RSA key has %d bits, and %d to %d are allowed; make a new one",
				ErrBadKey, bits, minRSABits, maxRSABits)
		}
		if pub.N.Bit(0) == 0 || pub.E < 3 || pub.E&1 == 0 || int64(pub.E) > 1<<31-1 {
			return nil, fmt.Errorf("%w: the RSA key's modulus and exponent must be odd, the exponent 3 to 2147483647", ErrBadKey)
		}
		return []Algorithm{RS256, PS256}, nil
	}
	return nil, fmt.Errorf("%w: keys of the Go type %T are not supported; use Ed25519, ECDSA on P-256 or P-384, or RSA", ErrBadKey, public)
}

func joinAlgorithms(algs []Algorithm) string {
	names := make([]string, len(algs))
	for i, a := range algs {
		names[i] = string(a)
	}
	return strings.Join(names, ", ")
}

// clip keeps what a stranger wrote from filling an error message.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
