package smtp

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/notify/notifytest"
)

// startReal runs Debian's aiosmtpd on loopback, which puts mail into a folder and takes
// none of more bytes than given, and waits until it answers.
func startReal(t *testing.T, program, folder, most string) (address string) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = free.Addr().String()
	free.Close()
	run := exec.CommandContext(t.Context(), program, "-n", "-l", address, "-s", most, "-c", "aiosmtpd.handlers.Mailbox", folder)
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	run.WaitDelay = 5 * time.Second
	if err := run.Start(); err != nil {
		t.Skipf("the installed %s does not start: %v", program, err)
	}
	t.Cleanup(func() {
		_ = run.Process.Kill()
		_ = run.Wait()
	})
	late := time.After(30 * time.Second)
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return address
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-late:
			t.Skipf("%s was not ready within 30s: %v", program, err)
		}
	}
}

// letters are the mails in a Maildir.
func letters(t *testing.T, folder string) []*mail.Message {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "new", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var all []*mail.Message
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		text, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		letter, err := mail.ReadMessage(strings.NewReader(string(text)))
		if err != nil {
			t.Fatalf("%s: %v\n%s", path, err, text)
		}
		all = append(all, letter)
	}
	return all
}

// A mail server that others wrote takes what is sent, and finds in it what was meant,
// whatever a subject holds; one that refuses it after all of it has come is believed.
func TestARealMailServer(t *testing.T) {
	program, err := exec.LookPath("aiosmtpd")
	if err != nil {
		t.Skip("aiosmtpd is not installed (Debian: apt-get install python3-aiosmtpd)")
	}
	folder := filepath.Join(t.TempDir(), "mail")
	send := func(address string, m holdfast.Message) error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err := New(holdfast.Channel{Kind: holdfast.ChannelSMTP, Address: holdfast.Place(address), From: "Holdfast <holdfast@example.com>"}, notifytest.Secrets).Send(ctx, m)
		return err
	}
	m := notifytest.Trouble()
	m.Subject += "\r\nBcc: everybody@example.com\r\n\r\nand a body"
	if err := send(startReal(t, program, folder, "100000"), m); err != nil {
		t.Fatal(err)
	}
	got := letters(t, folder)
	if len(got) != 1 {
		t.Fatalf("%d mails are there", len(got))
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(got[0].Header.Get("Subject"))
	if err != nil || !strings.Contains(subject, "31 % of users — café") || got[0].Header.Get("Bcc") != "" || got[0].Header.Get("X-RcptTo") != "ana@example.com" {
		t.Errorf("it came with %v (%v)", got[0].Header, err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(got[0].Body))
	if err != nil || !strings.Contains(string(body), "\r\n.\r\n..\r\n") && !strings.Contains(string(body), "\n.\n..\n") || !strings.Contains(string(body), "https://ops.example.com/ack?x=1&y=2") {
		t.Errorf("its body is %q (%v)", body, err)
	}

	small := startReal(t, program, filepath.Join(t.TempDir(), "mail"), "300")
	if err := send(small, notifytest.Trouble()); !errors.Is(err, holdfast.ErrRejected) {
		t.Errorf("a mail that is too large for it: %v", err)
	}
}
