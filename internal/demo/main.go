// The demo tells the whole story on one machine: revocations are recorded,
// published, fetched over HTTP by a client, and tokens are accepted and refused.
// It runs the programs of the folder that is its argument; make demo builds them.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jwt"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/client/jwx"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

const issuer = "https://issuer.example"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "demo: make demo says where the programs are")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(programs string) error {
	dir, err := os.MkdirTemp("", "revocast-demo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p := &shell{programs: programs, dir: dir}

	p.say("The issuer makes a key to sign its list of revocations with.")
	p.do("publisher", "keygen", "--out", "signing.jwk")
	p.say("It records what it revokes in a table: a stolen token, a session, everything Alice was issued so far.")
	p.do("publisher", "revoke", "--source", "sqlite:revocations.db", "jti=stolen", "--exp", "1h")
	p.do("publisher", "revoke", "--source", "sqlite:revocations.db", "sid=session-7", "--exp", "1h")
	p.do("publisher", "revoke", "--source", "sqlite:revocations.db", "sub=alice", "--before", "now", "--reason", "changed her password")
	p.say("Cron publishes the list to plain storage: here a directory, elsewhere a bucket.")
	p.do("publisher", "publish", "--store", "list", "--source", "sqlite:revocations.db", "--key", "signing.jwk",
		"--create", "--issuer", issuer, "--max-token-life", "24h")

	p.say("An edge service follows the list over HTTP.")
	follower, stop, err := p.follow()
	if err != nil {
		return errors.Join(p.err, err)
	}
	defer stop()
	tokens, err := mint()
	if err != nil {
		return err
	}
	p.check(follower, tokens)

	p.say("One more token is stolen. The next publication is a small delta, and the client takes it by itself.")
	p.do("publisher", "revoke", "--source", "sqlite:revocations.db", "jti=fresh", "--exp", "1h")
	p.do("publisher", "publish", "--store", "list", "--source", "sqlite:revocations.db", "--key", "signing.jwk")
	for follower.Status().Version < 2 && p.err == nil {
		time.Sleep(50 * time.Millisecond)
	}
	p.check(follower, tokens)

	p.say("The network is gone. The client goes on, from memory, until the list is stale.")
	stop()
	p.check(follower, tokens)

	p.say("An auditor proves the whole history with the public key alone.")
	p.do("verifier", "verify", "list", "--keys", "signing.pub.jwks")
	p.do("verifier", "diff", "list", "--keys", "signing.pub.jwks", "1", "2")
	return p.err
}

// shell runs programs in a folder and shows what they say. After an error it does nothing more.
type shell struct {
	programs, dir string
	err           error
}

func (p *shell) say(text string) {
	if p.err == nil {
		fmt.Printf("\n# %s\n", text)
	}
}

func (p *shell) do(program string, args ...string) {
	if p.err != nil {
		return
	}
	line := "$ " + program
	for _, arg := range args {
		if strings.Contains(arg, " ") {
			arg = "'" + arg + "'"
		}
		line += " " + arg
	}
	fmt.Println(line)
	cmd := exec.Command(filepath.Join(p.programs, program), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		p.err = fmt.Errorf("%s: %w", program, err)
	}
}

// follow serves the list and starts a client of it. Stop ends the server.
func (p *shell) follow() (c *client.Client, stop func(), err error) {
	jwks, err := os.ReadFile(filepath.Join(p.dir, "signing.pub.jwks"))
	if err != nil {
		return nil, nil, err
	}
	keys, err := signer.ParseKeySet(jwks)
	if err != nil {
		return nil, nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	server := &http.Server{Handler: http.FileServer(http.Dir(filepath.Join(p.dir, "list")))}
	go server.Serve(listener)
	address := "http://" + listener.Addr().String()
	fmt.Println("serving the directory at", address)
	remote, err := store.OpenHTTP(address, nil)
	if err != nil {
		return nil, nil, err
	}
	cache, err := store.OpenDir(filepath.Join(p.dir, "cache"))
	if err != nil {
		return nil, nil, err
	}
	ctx := context.Background()
	c, err = client.Open(ctx, client.Config{Store: remote, Keys: keys, Cache: cache, Interval: time.Second})
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	go c.Follow(ctx)
	return c, func() { cancel(); server.Close() }, nil
}

// token is one that the issuer signed.
type token struct {
	what    string
	compact []byte
	keys    jwk.Set
}

// mint signs tokens as an issuer does.
func mint() ([]token, error) {
	private, err := signer.Generate(signer.EdDSA, rand.Reader)
	if err != nil {
		return nil, err
	}
	data, err := private.MarshalJWK()
	if err != nil {
		return nil, err
	}
	key, err := jwk.ParseKey(data)
	if err != nil {
		return nil, err
	}
	public, err := key.PublicKey()
	if err != nil {
		return nil, err
	}
	keys := jwk.NewSet()
	if err := keys.AddKey(public); err != nil {
		return nil, err
	}
	var all []token
	for _, claims := range []map[string]string{
		{"jti": "good", "sub": "bob", "sid": "session-1"},
		{"jti": "stolen", "sub": "bob", "sid": "session-1"},
		{"jti": "fresh", "sub": "carol", "sid": "session-2"},
		{"jti": "other", "sub": "dave", "sid": "session-7"},
		{"jti": "another", "sub": "alice", "sid": "session-3"},
	} {
		t, err := jwt.NewBuilder().Issuer(issuer).IssuedAt(time.Now().Add(-time.Minute)).Expiration(time.Now().Add(time.Hour)).
			JwtID(claims["jti"]).Subject(claims["sub"]).Claim("sid", claims["sid"]).Build()
		if err != nil {
			return nil, err
		}
		compact, err := jwt.Sign(t, jwt.WithKey(jwa.EdDSA, key))
		if err != nil {
			return nil, err
		}
		all = append(all, token{fmt.Sprintf("jti=%-8s sub=%-6s %s", claims["jti"], claims["sub"], claims["sid"]), compact, keys})
	}
	return all, nil
}

// check parses the tokens as a service does, with one option more than without Revocast.
func (p *shell) check(c *client.Client, tokens []token) {
	if p.err != nil {
		return
	}
	status := c.Status()
	fmt.Printf("the client holds version %d: %d entries in %d bytes\n", status.Version, status.Entries, status.Bytes)
	for _, t := range tokens {
		_, err := jwt.Parse(t.compact, jwt.WithKeySet(t.keys), jwt.WithValidator(jwx.Validator(c, t.compact)))
		verdict := "accepted"
		var revoked *client.RevokedError
		if errors.As(err, &revoked) {
			verdict = "REFUSED: " + revoked.Error()
		} else if err != nil {
			verdict = "REFUSED: " + err.Error()
		}
		fmt.Printf("  %s  %s\n", t.what, verdict)
	}
}
