"""Text and octets: the SMS PDU codec of TS 23.040 and the alphabets of TS 23.038, pure."""
