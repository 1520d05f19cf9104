// Package smtp tells people by mail.
package smtp

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"holdfast"
	"holdfast/internal/hush"
)

// submissions is the port where TLS is spoken from the start.
const submissions = 465

// A Notifier sends through one mail server, a connection for each message: mail is
// seldom, and a connection that was kept is one that may have gone. It may be used by
// several at once.
type Notifier struct {
	channel holdfast.Channel
	secret  holdfast.Secrets
}

// New makes a notifier; secret looks the password up at every message.
func New(channel holdfast.Channel, secret holdfast.Secrets) *Notifier {
	return &Notifier{channel: channel, secret: secret}
}

// Send implements holdfast.Notifier.
func (n *Notifier) Send(ctx context.Context, m holdfast.Message) (string, error) {
	letter, err := n.letter(m)
	if err != nil {
		return "", fmt.Errorf("%w: %w", holdfast.ErrRejected, err)
	}
	client, known, err := n.client(ctx)
	if err != nil {
		return "", err
	}
	if err := client.DialAndSendWithContext(ctx, letter); err != nil {
		return "", judge(known.Error(err))
	}
	return letter.GetMessageID(), nil
}

// judge tells what a server refuses for good (5xx: a mail, or a login) from what may be
// tried again.
func judge(err error) error {
	var sent *mail.SendError
	var reply *textproto.Error
	if errors.As(err, &sent) && !sent.IsTemp() && sent.ErrorCode() >= 500 || errors.As(err, &reply) && reply.Code >= 500 {
		return fmt.Errorf("%w: %w", holdfast.ErrRejected, err)
	}
	return err
}

func (n *Notifier) letter(m holdfast.Message) (*mail.Msg, error) {
	letter := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := letter.From(n.channel.From); err != nil {
		return nil, err
	}
	if err := letter.To(m.To); err != nil {
		return nil, err
	}
	letter.Subject(m.Subject)
	letter.SetDateWithValue(m.At)
	letter.SetMessageIDWithValue(idOf(m, n.channel.From))
	letter.SetGenHeader("Auto-Submitted", "auto-generated")
	letter.SetGenHeader("X-Holdfast-Key", string(m.Key))
	if m.Purpose == holdfast.Trigger && m.Urgency == holdfast.Page {
		letter.SetImportance(mail.ImportanceHigh)
	}
	letter.SetBodyString(mail.TypeTextPlain, body(m))
	return letter, nil
}

// idOf follows from the key, so that a mail that is sent again is the same one.
func idOf(m holdfast.Message, from string) string {
	sum := sha256.Sum256([]byte(string(m.System) + "/" + string(m.Key)))
	_, domain, ok := strings.Cut(strings.TrimSuffix(from, ">"), "@")
	if !ok {
		domain = "holdfast.invalid"
	}
	return hex.EncodeToString(sum[:12]) + "@" + domain
}

func body(m holdfast.Message) string {
	var out strings.Builder
	out.WriteString(m.Body)
	for _, l := range m.Links {
		fmt.Fprintf(&out, "\n\n%s: %s", l.Text, l.URL)
	}
	return out.String()
}

// client speaks TLS, always but to this machine: a password and what is written of
// an incident are nobody else's business. What it knows a server may quote, and nobody
// is to read.
func (n *Notifier) client(ctx context.Context) (*mail.Client, *hush.Secrets, error) {
	known := &hush.Secrets{}
	host, text, err := net.SplitHostPort(string(n.channel.Address))
	if err != nil {
		return nil, known, fmt.Errorf("%w: %w", holdfast.ErrRejected, err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, known, fmt.Errorf("%w: %w", holdfast.ErrRejected, err)
	}
	security, auth := mail.TLSMandatory, mail.SMTPAuthAutoDiscover
	if local(host) {
		security, auth = mail.TLSOpportunistic, mail.SMTPAuthPlainNoEnc
	}
	options := []mail.Option{mail.WithPort(port), mail.WithTLSPolicy(security), mail.WithTLSConfig(trust(host)), mail.WithTimeout(left(ctx))}
	if port == submissions {
		options = append(options, mail.WithSSL())
	}
	if n.channel.User != "" {
		password, err := n.secret(n.channel.Secret)
		if err != nil {
			return nil, known, err
		}
		known.Add(password)
		known.Add("\x00" + n.channel.User + "\x00" + password) // as it is sent
		options = append(options, mail.WithSMTPAuth(auth), mail.WithUsername(n.channel.User), mail.WithPassword(password))
	}
	client, err := mail.NewClient(host, options...)
	return client, known, err
}

// trust is whose certificate will do: beyond this machine one that the machine trusts.
// On it there is nobody between a server and us, and the certificate it was installed
// with is signed by nobody.
func trust(host string) *tls.Config {
	return &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: local(host)}
}

// local is this machine: what is said there nobody else hears.
func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// left is how long a mail may take: as long as ctx allows, since the library asks ctx
// only while it connects.
func left(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return max(time.Millisecond, time.Until(deadline))
	}
	return mail.DefaultTimeout
}
