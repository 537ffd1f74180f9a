package cmd_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/hostile"
)

// The programs meet the attackers of the client's tests: they end, with the exit code for
// "could not tell" or a finding, and a sentence; and what was good before and after stays so.
func TestProgramsUnderAttack(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	must := func(program string, args ...string) {
		out, code := run(t, "", program, args...)
		require.Zero(t, code, out)
	}
	// lists: the honest one, as it was at version 1, and one by another key.
	publish := func(list, key, row string) {
		require.NoError(t, os.WriteFile(file(list+".jsonl"), []byte(row), 0o600))
		must("publisher", "publish", "--store", file(list), "--source", file(list+".jsonl"), "--key", file(key+".jwk"),
			"--create", "--issuer", "https://issuer.example", "--max-token-life", "24h")
	}
	row := func(jti string) string {
		return fmt.Sprintf(`{"jti":%q,"exp":%d}`+"\n", jti, time.Now().Add(time.Hour).Unix())
	}
	must("publisher", "keygen", "--out", file("honest.jwk"))
	must("publisher", "keygen", "--out", file("other.jwk"))
	publish("list", "honest", row("first"))
	require.NoError(t, os.CopyFS(file("old"), os.DirFS(file("list"))))
	publish("list", "honest", row("first")+row("stolen"))
	publish("forged", "other", row("nobody"))

	web := hostile.Serve(file("list"))
	defer web.Close()
	keys := []string{"--keys", file("honest.pub.jwks")}
	claims := fmt.Sprintf(`{"iss":"https://issuer.example","jti":"stolen","iat":%d,"exp":%d}`, time.Now().Unix(), time.Now().Add(time.Hour).Unix())
	check := func(more ...string) (string, int) {
		return run(t, "", "verifier", append(append([]string{"check", web.URL, "--claims", claims}, keys...), more...)...)
	}
	verify := func() (string, int) { return run(t, "", "verifier", append([]string{"verify", web.URL}, keys...)...) }
	mirror := func(to string) (string, int) {
		return run(t, "", "verifier", append([]string{"mirror", web.URL, file(to)}, keys...)...)
	}
	cache := []string{"--cache", file("cache")}
	_, code := check(cache...)
	require.Equal(t, 1, code)
	_, code = mirror("mirror")
	require.Zero(t, code)

	for name, test := range map[string]struct {
		attack hostile.Answer
		says   string
	}{
		"a page":               {hostile.Everything(200, "<html>"), "malformed"},
		"an error":             {hostile.Everything(500, "oops"), "500 Internal Server Error"},
		"endless data":         {hostile.Endless, "more than the 65536 bytes expected"},
		"endless headers":      {hostile.EndlessHeaders, "headers exceeded"},
		"another protocol":     {hostile.Raw("220 mail.example ESMTP\r\n"), "cannot be read"},
		"a wrong signer":       {hostile.Directory(file("forged")), "not signed by a trusted key"},
		"a redirect elsewhere": {redirect("http://169.254.169.254"), "the server redirects to http://169.254.169.254"},
		"objects of nothing":   {hostile.Only(".crl.zst", hostile.Everything(200, "")), "it has 0 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			web.Attack(test.attack)
			defer web.Attack(nil)
			out, code := check()
			require.Equal(t, 2, code, out)
			require.Contains(t, out, test.says)
			out, code = check(cache...)
			require.Equal(t, 1, code, "what was proved before is known: %s", out)
			require.Contains(t, out, "revoked jti")
			out, code = verify()
			require.Contains(t, []int{1, 2}, code, out)
			out, code = mirror("nothing")
			require.Equal(t, 2, code, out)
			require.Contains(t, out, test.says)
			left, _ := filepath.Glob(filepath.Join(file("nothing"), "*"))
			require.Empty(t, left, "a mirror of what was not proved")
		})
	}
	t.Run("rollback", func(t *testing.T) {
		web.Attack(hostile.Directory(file("old")))
		defer web.Attack(nil)
		out, code := check(cache...)
		require.Equal(t, 1, code, out)
		require.Contains(t, out, "older revocation list than the one accepted before")
		out, code = mirror("mirror")
		require.Equal(t, 2, code, out)
		require.Contains(t, out, "the mirror is ahead of the source")
	})

	publish("list", "honest", row("first")+row("stolen")+row("third"))
	claims = strings.Replace(claims, "stolen", "third", 1)
	for _, more := range [][]string{nil, cache} {
		out, code := check(more...)
		require.Equal(t, 1, code, out)
	}
	for _, again := range []func() (string, int){verify, func() (string, int) { return mirror("mirror") }} {
		out, code := again()
		require.Zero(t, code, out)
	}
}

func redirect(to string) hostile.Answer {
	return func(w http.ResponseWriter, r *http.Request, name string) bool {
		http.Redirect(w, r, to+"/"+name, http.StatusFound)
		return true
	}
}
