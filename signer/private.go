package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"io"
	"slices"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// A PrivateKey signs manifests. It is safe for concurrent use if the
// crypto.Signer behind it is; those of the standard library are.
type PrivateKey struct {
	signer crypto.Signer
	public publicKey
}

// Generate makes a key for alg from rand, normally crypto/rand.Reader; RSA keys
// have 3072 bits. Its id is its RFC 7638 thumbprint. Only an EdDSA key is wholly
// determined by rand: for ECDSA and RSA the standard library, since Go 1.26,
// draws from its own secure source instead. The error wraps [ErrAlgorithm] if
// alg is not supported, and [ErrBadKey] if rand fails.
func Generate(alg Algorithm, rand io.Reader) (*PrivateKey, error) {
	var key crypto.Signer
	var err error
	switch alg {
	case EdDSA:
		// Not ed25519.GenerateKey, which takes a nil rand for its own source:
		// with a seed, what rand gives is what the key is.
		seed := make([]byte, ed25519.SeedSize)
		_, err = io.ReadFull(rand, seed)
		key = ed25519.NewKeyFromSeed(seed)
	case ES256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand)
	case ES384:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand)
	case PS256, RS256:
		key, err = rsa.GenerateKey(rand, 3072)
	default:
		_, err := ParseAlgorithm(string(alg))
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: making a key for %s failed: %v", ErrBadKey, alg, err)
	}
	return NewPrivateKey("", alg, key)
}

// NewPrivateKey makes a key of any crypto.Signer: one of the standard library, or
// one whose key stays in a KMS or an HSM. An empty kid stands for the RFC 7638
// thumbprint. The error wraps [ErrAlgorithm] if alg does not suit the
// key's type and curve, and [ErrBadKey] if the key cannot be used at all.
func NewPrivateKey(kid string, alg Algorithm, key crypto.Signer) (*PrivateKey, error) {
	if key == nil {
		return nil, fmt.Errorf("%w: there is none", ErrBadKey)
	}
	if _, err := ParseAlgorithm(string(alg)); err != nil {
		return nil, err
	}
	if err := checkPrivate(key); err != nil {
		return nil, err
	}
	public, err := newPublicKey(kid, string(alg), key.Public())
	if err != nil {
		return nil, err
	}
	return &PrivateKey{key, public}, nil
}

// checkPrivate refuses a private key whose halves do not belong together: it
// would sign, and nobody could ever verify.
func checkPrivate(key crypto.Signer) error {
	switch k := key.(type) {
	case ed25519.PrivateKey:
		if len(k) != ed25519.PrivateKeySize || !slices.Equal(k, ed25519.NewKeyFromSeed(k.Seed())) {
			return fmt.Errorf("%w: the Ed25519 private key does not belong to its public key", ErrBadKey)
		}
	case *ecdsa.PrivateKey:
		if _, err := algorithmsFor(&k.PublicKey); err != nil {
			return err
		}
		ecdh, err := k.ECDH()
		if err != nil {
			return fmt.Errorf("%w: the ECDSA private key is out of range for its curve", ErrBadKey)
		}
		if public, err := k.PublicKey.ECDH(); err != nil || !public.Equal(ecdh.PublicKey()) {
			return fmt.Errorf("%w: the ECDSA private key does not belong to its public key", ErrBadKey)
		}
	case *rsa.PrivateKey:
		if _, err := algorithmsFor(&k.PublicKey); err != nil {
			return err
		}
		if err := k.Validate(); err != nil {
			return fmt.Errorf("%w: the RSA private key is inconsistent: %v", ErrBadKey, err)
		}
	}
	return nil
}

// ID returns the key's kid.
func (k *PrivateKey) ID() string { return k.public.id }

// Algorithm returns the algorithm the key signs with.
func (k *PrivateKey) Algorithm() Algorithm { return k.public.algorithms[0] }

// Public returns the set of the key's public half alone, to verify with or to
// publish.
func (k *PrivateKey) Public() *KeySet { return &KeySet{[]publicKey{k.public}} }

// sign returns the signature of input, and only one that verifies: a manifest
// can never be replaced, so a device that answers with the wrong key, or a
// fault in computing, must not get as far as the store.
func (k *PrivateKey) sign(input []byte) ([]byte, error) {
	s, err := jws.NewSigner(jwa.SignatureAlgorithm(k.Algorithm()))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSigning, err)
	}
	signature, err := s.Sign(input, k.signer)
	if err != nil {
		return nil, fmt.Errorf("%w with the key %q: %w", ErrSigning, k.ID(), err)
	}
	makeLowS(k.Algorithm(), signature)
	if !k.public.verify(k.Algorithm(), input, signature) {
		return nil, fmt.Errorf("%w: the key %q made a signature that its own public key does not verify; check which key the signing device uses", ErrSigning, k.ID())
	}
	return signature, nil
}
