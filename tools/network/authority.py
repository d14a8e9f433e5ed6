"""Certificates, as tests need them: made by OpenSSL, good for some weeks."""

import subprocess

DAYS = 20


def openssl(folder, *arguments):
    """Run OpenSSL in `folder`."""
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_authority(folder, name):
    """Make the key and the certificate of an authority: name.key and name.crt in `folder`."""
    subject = ["-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt"]
    openssl(folder, "req", "-x509", "-days", str(DAYS + 10), *new_key("ec"), *subject)


def make_certificate(folder, authority, hosts, name="server", kind="ec", days=DAYS):
    """Make name.key and name.crt, of a server that has the names `hosts`, signed by `authority`.

    `hosts` are names, or addresses. `kind` is that of the key: "ec" or "rsa". One of -1 `days`
    has expired.
    """
    subject = ["-subj", f"/CN={hosts[0]}", "-keyout", f"{name}.key", "-out", f"{name}.csr"]
    openssl(folder, "req", *new_key(kind), *subject)
    names = ",".join(f"{'IP' if host[-1].isdigit() else 'DNS'}:{host}" for host in hosts)
    (folder / f"{name}.names").write_text(f"subjectAltName={names}\n")
    signer = ["-CA", f"{authority}.crt", "-CAkey", f"{authority}.key", "-CAcreateserial"]
    files = ["-in", f"{name}.csr", "-out", f"{name}.crt", "-extfile", f"{name}.names"]
    openssl(folder, "x509", "-req", "-days", str(days), *signer, *files)


def new_key(kind):
    """Arguments that make a new key of this kind."""
    kinds = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], "rsa": ["rsa:2048"]}
    return ["-newkey", *kinds[kind], "-nodes"]
