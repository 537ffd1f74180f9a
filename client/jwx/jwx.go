// Package jwx lets github.com/lestrrat-go/jwx/v2 refuse revoked tokens:
//
//	token, err := jwt.Parse(compact, jwt.WithKeySet(keys), jwt.WithValidator(jwx.Validator(revoked, compact)))
//
// The error that jwt.Parse gives wraps the error of [client.Client.Check], so
// errors.As tells a *client.RevokedError from the others.
package jwx

import (
	"context"
	"fmt"

	"github.com/lestrrat-go/jwx/v2/jwt"

	"github.com/revocast/revocast/client"
)

// Validator refuses a token that c does not say is good. It is safe for
// concurrent use.
//
// compact is the token as it was received. jwx hands no header to a validator, so
// this is where the kid comes from, by which a leaked key is revoked. With nil
// the header is not known, and as soon as the list revokes any kid all tokens are
// refused, with a *client.ClaimError. jwt.WithKeySet verifies with the key that kid
// names; do not tell it jws.WithRequireKid(false), with which a leaked key signs
// under any name.
func Validator(c *client.Client, compact []byte) jwt.Validator {
	return jwt.ValidatorFunc(func(ctx context.Context, t jwt.Token) jwt.ValidationError {
		claims, err := t.AsMap(ctx)
		if err != nil {
			return jwt.NewValidationError(fmt.Errorf("the token's claims cannot be read: %w", err))
		}
		token := client.Token{Claims: claims}
		if compact != nil {
			parsed, err := client.ParseUnverified(string(compact))
			if err != nil {
				return jwt.NewValidationError(err)
			}
			token.Header = parsed.Header
		}
		if err := c.Check(token); err != nil {
			return jwt.NewValidationError(err)
		}
		return nil
	})
}
