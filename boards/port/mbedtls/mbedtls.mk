# SPDX-License-Identifier: MIT

# What is built of mbedTLS beyond the sources that MicroPython's makefiles name, and how.

CFLAGS += $(addprefix -isystem$(MBEDTLS)/3rdparty/everest/include,/ /everest /everest/kremlib)

# GCM without the layer of ciphers, and X25519 of Project Everest.
SRC_THIRDPARTY_C += $(addprefix $(MBEDTLS_DIR)/, \
	library/block_cipher.c \
	3rdparty/everest/library/everest.c \
	3rdparty/everest/library/Hacl_Curve25519_joined.c \
	3rdparty/everest/library/x25519.c \
	)

# TLS 1.3, and the part of mbedTLS that it stands on, PSA.
SRC_THIRDPARTY_C += $(addprefix $(MBEDTLS_DIR)/library/, \
	hkdf.c \
	psa_crypto.c \
	psa_crypto_aead.c \
	psa_crypto_cipher.c \
	psa_crypto_client.c \
	psa_crypto_driver_wrappers_no_static.c \
	psa_crypto_ecp.c \
	psa_crypto_hash.c \
	psa_crypto_mac.c \
	psa_crypto_rsa.c \
	psa_crypto_slot_management.c \
	psa_util.c \
	ssl_tls13_client.c \
	ssl_tls13_generic.c \
	ssl_tls13_keys.c \
	ssl_tls13_server.c \
	)

$(BUILD)/$(MBEDTLS_DIR)/3rdparty/%.o: CFLAGS += -I$(MBEDTLS)/library

# A word can be loaded and stored anywhere, which mbedTLS does not believe of every CPU.
MBEDTLS_O = $(BUILD)/$(MBEDTLS_DIR)
$(MBEDTLS_O)/library/%.o: CFLAGS += -DMBEDTLS_EFFICIENT_UNALIGNED_ACCESS= $(ARCH_ANY_ALIGNMENT)

# Where programs that move much spend their time.
CIPHERS = aes gcm chacha20 poly1305 sha1 sha256 sha512
$(CIPHERS:%=$(MBEDTLS_O)/library/%.o): CFLAGS += $(ARCH_CIPHERS)

# In its place is port/mbedtls/tls_context.c.
SRC_EXTMOD_C := $(filter-out extmod/modtls_mbedtls.c,$(SRC_EXTMOD_C))

$(addprefix $(BUILD)/,$(patsubst %.c,%.o,$(filter $(MBEDTLS_DIR)/%,$(SRC_THIRDPARTY_C)))): \
	Makefile port/mbedtls/mbedtls.mk arch/$(ARCH)/arch.mk
