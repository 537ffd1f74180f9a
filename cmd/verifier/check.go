package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/command"
)

type check struct {
	list
	Tokens []string      `arg:"" optional:"" name:"TOKEN" help:"Compact JWTs, or - for one token or claims object a line of standard input."`
	Claims string        `placeholder:"'{…}'" help:"Check these claims instead of a token."`
	JWKS   string        `name:"jwks" placeholder:"issuer.jwks" help:"The issuer's keys: verify the tokens' signatures and times, too."`
	Cache  string        `placeholder:"DIR" help:"Keep the verified list here, and answer from it when the store cannot be reached."`
	MaxAge time.Duration `placeholder:"2h" help:"How old a list is still good; by default, what its publisher says."`
}

func (check) Help() string {
	return `Examples:

    verifier check ./list --keys signing.pub.jwks eyJhbGciOi…
    verifier check s3://bucket/list --keys signing.pub.jwks --jwks issuer.jwks - < tokens.txt
    verifier check ./list --keys signing.pub.jwks --claims '{"iss":"https://issuer.example","jti":"4c3c5ed2","iat":1795510000,"exp":1795513600}'

Prints a line per token: ok, revoked RULE[,RULE…], stale, not-covered WHY or invalid WHY; an empty line of standard input is an invalid token. No line at all is an error, and not "ok". The exit code is that of the worst: 0 ok, 1 revoked, 2 anything else.`
}

func (c *check) Run(env *command.Env) error {
	switch {
	case len(c.Tokens) == 0 && c.Claims == "":
		return errors.New("name the tokens to check, or - for standard input, or --claims")
	case len(c.Tokens) > 0 && c.Claims != "":
		return errors.New("give tokens to check or --claims, not both; - reads any number of either from standard input")
	}
	judge := &judge{now: env.Now}
	if c.JWKS == "" {
		env.Warn("note: without --jwks the signature and the expiry of a token are not checked")
	} else {
		keys, err := readIssuerKeys(c.JWKS)
		if err != nil {
			return err
		}
		judge.issuer = keys
	}
	var err error
	if judge.list, err = c.follow(env); err != nil {
		return err
	}
	worst := 0
	answer := func(subject string) {
		v := judge.verdict(subject)
		worst = max(worst, v.code())
		env.Print(v, v.String())
	}
	switch {
	case c.Claims != "":
		answer(c.Claims)
	case len(c.Tokens) == 1 && c.Tokens[0] == "-":
		lines, err := eachLine(env.Stdin, answer)
		if err != nil {
			return fmt.Errorf("standard input cannot be read: %w", err)
		}
		if lines == 0 {
			return errors.New("no tokens on standard input, so nothing was checked: did the command that should write them fail?")
		}
	default:
		for _, token := range c.Tokens {
			answer(token)
		}
	}
	if judge.keyless {
		env.Warn("note: claims have no header, so it was not checked whether the key of their token is revoked (rules for kid)")
	}
	switch worst {
	case command.ExitOK:
		return nil
	case command.ExitFinding:
		return &command.Finding{}
	}
	return command.ErrTold
}

// follow opens the list as a client does: it takes the newest version that can
// be had and believed.
func (c *check) follow(env *command.Env) (*client.Client, error) {
	r, keys, err := c.open(env.Context)
	if err != nil {
		return nil, err
	}
	cfg := client.Config{Store: r, Keys: keys, MaxAge: c.MaxAge, Now: env.Now}
	if c.Cache != "" {
		if cfg.Cache, err = command.OpenCache(env.Context, c.Cache, r); err != nil {
			return nil, err
		}
	}
	followed, err := client.Open(env.Context, cfg)
	if err != nil {
		return nil, err
	}
	status := followed.Status()
	if !status.Loaded {
		return nil, fmt.Errorf("no list can be loaded: %w", status.Err)
	}
	if status.Err != nil {
		env.Warn("warning: answering from version %d, issued at %s: %v", status.Version, status.IssuedAt.UTC().Format(time.RFC3339), status.Err)
	}
	return followed, nil
}
