package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.SHA256
	"encoding/json"
	"fmt"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
)

// thumbprint is the RFC 7638 SHA-256 thumbprint in unpadded base64url.
func thumbprint(public crypto.PublicKey) (string, error) {
	key, err := jwk.FromRaw(public)
	if err != nil {
		return "", fmt.Errorf("%w: %v", ErrBadKey, err)
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("%w: %v", ErrBadKey, err)
	}
	return strictBase64.EncodeToString(sum), nil
}

// MarshalJWK returns the private key file: an indented JWK and a line feed. Keep
// it where only the publisher can read it. The error wraps [ErrBadKey]: the
// key of a KMS or an HSM cannot be exported.
func (k *PrivateKey) MarshalJWK() ([]byte, error) {
	switch k.signer.(type) {
	case ed25519.PrivateKey, *ecdsa.PrivateKey, *rsa.PrivateKey:
		return marshalJWK(k.signer, k.public)
	}
	return nil, fmt.Errorf("%w: the key %q is held by a %T and cannot be exported", ErrBadKey, k.ID(), k.signer)
}

// MarshalJWKS returns the set as an indented JWK Set and a line feed, the
// same bytes each time: what a public key file holds. It fails only, with
// [ErrBadKey], if the JWK library does.
func (s *KeySet) MarshalJWKS() ([]byte, error) {
	out := struct {
		Keys []json.RawMessage `json:"keys"`
	}{Keys: []json.RawMessage{}}
	for _, k := range s.keys {
		one, err := marshalJWK(k.key, k)
		if err != nil {
			return nil, err
		}
		out.Keys = append(out.Keys, one)
	}
	return indent(out)
}

func marshalJWK(raw any, about publicKey) ([]byte, error) {
	key, err := jwk.FromRaw(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrBadKey, err)
	}
	set := func(name string, value any) {
		if err == nil {
			err = key.Set(name, value)
		}
	}
	set(jwk.KeyIDKey, about.id)
	set(jwk.KeyUsageKey, "sig")
	if len(about.algorithms) == 1 {
		set(jwk.AlgorithmKey, jwa.SignatureAlgorithm(about.algorithms[0]))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrBadKey, err)
	}
	return indent(key)
}

func indent(v any) ([]byte, error) {
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrBadKey, err)
	}
	return append(out, '\n'), nil
}
