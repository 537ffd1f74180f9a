package client_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// An edge service follows a list and asks it about each token, once its own
// library has verified the signature and the expiry.
func Example() {
	ctx := context.Background()
	jwks, err := os.ReadFile("signing.pub.jwks") // pinned
	if err != nil {
		return
	}
	keys, err := signer.ParseKeySet(jwks)
	if err != nil {
		return
	}
	list, err := store.Open("https://cdn.example/list")
	if err != nil {
		return
	}
	cache, err := store.OpenDir("/var/lib/edge/revocations")
	if err != nil {
		return
	}
	revoked, err := client.Open(ctx, client.Config{Store: list, Keys: keys, Cache: cache, MaxAge: 2 * time.Hour})
	if err != nil {
		return
	}
	go revoked.Follow(ctx)

	claims := map[string]any{"iss": "https://issuer.example", "jti": "4c3c5ed2", "iat": 1795510000, "exp": 1795513600}
	header := map[string]any{"alg": "ES256", "kid": "2026-11"}
	err = revoked.Check(client.Token{Claims: claims, Header: header})
	var r *client.RevokedError
	switch {
	case err == nil:
		// Accept the token.
	case errors.As(err, &r):
		fmt.Println("revoked by", r.Rules)
	default:
		fmt.Println("refused:", err) // stale, not covered, or no list yet
	}
}
