/** The words of the help on microphone and clipboard, in English. */
export const enHelp = {
  title: "Microphone and clipboard",
  link: "Why the microphone is missing",
  secure: "Your browser trusts this connection: the microphone and the clipboard can be used here.",
  reason:
    "Browsers let a page use the microphone and the clipboard only over a connection that they trust: HTTPS, or the machine itself (localhost). This page came over plain HTTP. It can chat, but not record.",
  steps: "What to do",
  noHttps: "This server does not speak HTTPS yet. Whoever runs it makes a certificate for it and starts it anew:",
  withHttps: "This server speaks HTTPS:",
  open: "open this page over HTTPS",
  noAuthority: "If the browser warns of the certificate, ask whoever runs the server for the authority that signed it.",
  authority: "This server's certificate was signed by an authority of its own. Each device must trust that once:",
  download: "Download the authority's certificate",
  compare:
    "Trust it only if its fingerprint (SHA-256) is the one that `nexa cert` shows on the server. It can vouch only for names and addresses in your own network.",
  then: "Then open this page again over HTTPS.",
  devices: {
    ios: {
      name: "iPhone, iPad",
      steps: [
        "Open the download in Safari and allow the profile.",
        "Settings > General > VPN & Device Management: choose the profile, then Install.",
        "Settings > General > About > Certificate Trust Settings: switch it on. Without this step nothing trusts it.",
      ],
    },
    android: {
      name: "Android",
      steps: [
        "Download the file.",
        "Settings > Security & privacy > More security settings > Encryption & credentials > Install a certificate > CA certificate > Install anyway. If your device names these otherwise, search the settings for “CA certificate”.",
        "Choose the file. Chrome trusts it from now on; for Firefox see below.",
      ],
    },
    windows: {
      name: "Windows",
      steps: [
        "Open the file: Install Certificate > Current User.",
        "Place all certificates in the following store > Trusted Root Certification Authorities.",
      ],
    },
    macos: {
      name: "macOS",
      steps: [
        "Open the file and add it to the keychain “login”.",
        "Open it there: Trust > When using this certificate: Always Trust.",
      ],
    },
    linux: {
      name: "Linux",
      steps: [
        "Chrome, Chromium: Settings > Privacy and security > Security > Manage certificates > Custom > Import.",
        "Other programs, on Debian and Ubuntu: copy the file to /usr/local/share/ca-certificates/, then run sudo update-ca-certificates.",
      ],
    },
    firefox: {
      name: "Firefox",
      steps: [
        "On computers: Settings > Privacy & Security > Certificates > View Certificates > Authorities > Import, and “Trust this CA to identify websites”.",
        "On Android: Settings > About Firefox, tap the logo until it counts to 5. Then Settings > Secret Settings > Use third party CA certificates.",
      ],
    },
  },
};
