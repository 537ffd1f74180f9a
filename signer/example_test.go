package signer_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log"

	"github.com/revocast/revocast/signer"
)

// A publisher signs with a key that a reader has pinned.
func Example() {
	key, err := signer.Generate(signer.EdDSA, rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	jwks, err := key.Public().MarshalJWKS() // what readers are given, once
	if err != nil {
		log.Fatal(err)
	}

	manifest, err := key.SignManifest(&signer.Manifest{
		Issuer:   "https://issuer.example",
		IssuedAt: 1_700_000_000,
		Expires:  1_700_003_600,
		Version:  1,
		Format:   signer.ManifestFormat,
		Salt:     make([]byte, 16), // 16 random bytes
		Rules:    []signer.Rule{{ID: 1, Claims: []string{"jti"}}},
		Policy:   signer.Policy{MaxTokenLife: 86400, Skew: 60, Granularity: 60},
		State:    signer.State{Checksum: make([]byte, 32), SHA256: make([]byte, 32)},
	})
	if err != nil {
		log.Fatal(err)
	}

	trusted, err := signer.ParseKeySet(jwks)
	if err != nil {
		log.Fatal(err)
	}
	m, err := trusted.VerifyManifest(manifest)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(signer.ManifestName(m.Version), "is of", m.Issuer)

	manifest[len(manifest)/2] ^= 1
	_, err = trusted.VerifyManifest(manifest)
	fmt.Println(errors.Is(err, signer.ErrBadSignature) || errors.Is(err, signer.ErrMalformed))
	// Output:
	// versions/000000000001/manifest.jwt is of https://issuer.example
	// true
}
