"""Quectel: 2G modules of pool boxes, and the Qualcomm-based LTE modules."""

from __future__ import annotations

from modemfarm.simulator.traits import Personality, cnmi

M35 = Personality(
    # M26, M35, M95, MC60: a serial bridge port each. RDY appears at a fixed baud rate only [OF, TG].
    name="quectel-m35",
    manufacturer="Quectel_Ltd",
    model="Quectel_M35",
    revision="Revision: M35FAR02A04",
    information=("Quectel_Ltd", "Quectel_M35", "Revision: M35FAR02A04"),
    iccid_command="+QCCID",
    iccid_prefix="",  # shape: digits alone, as on the other 2G modules
    cnmi=cnmi("(0-3),(0-3),(0,2),(0,1),(0,1)", (0, 1, 2, 3), (0, 1, 2, 3), (0, 2), (0, 1), (0, 1)),
    cpms_offered='("SM","ME"),("SM","ME"),("SM","ME")',
    capacities={"ME": 40},
    empty_slot=321,
    boot=((0.0, "RDY"), (0.3, "+CFUN: 1"), (0.6, "+CPIN: READY"), (2.0, "Call Ready"), (4.0, "SMS Ready")),
    sms_ready_after_s=4.0,
    sim_settles_s=0.6,
    sms_busy=("cms", 604),  # seen while SMS was not initialised [opentracker #21]
    full_line='+QIND: SMS FULL, "{memory}"',  # shape
    sim_gone=("+CPIN: NOT INSERTED",),
    sim_back=("+CPIN: READY", "Call Ready", "SMS Ready"),
    csms=frozenset({0, 128}),  # 128 is what enables +CNMA [OF]
    cnma=frozenset({"bare"}),  # [OF]
    power_off={"+QPOWD=1": "NORMAL POWER DOWN", "+QPOWD=0": ""},
    brown_out=("UNDER_VOLTAGE WARNING", "UNDER_VOLTAGE POWER DOWN"),  # shape
    pin_counter=("+QTRPIN", "+QTRPIN: {pin},3,{puk},10"),  # pin, pin2, puk, puk2 [OF]
    pin_settles_s=1.0,
    ussd="charset",
    vendor={
        "+QINISTAT": "+QINISTAT: {inistat3}",  # 3: SIM, SMS and phonebook ready
        "+QIURC=": "",
        "+QIURC?": "+QIURC: 0",
        "+CBC": "+CBC: 0,0,{mv}",  # charge status and level mean nothing, millivolts are right
        "+QENG=": "",
        "+QENG?": "+QENG: 1,0",
        "+QMGDA=": "",
    },
)

EC25 = Personality(
    name="ec25",
    manufacturer="Quectel",
    model="EC25",
    revision="EC25EFAR06A06M4G",
    information=("Quectel", "EC25", "Revision: EC25EFAR06A06M4G"),
    act=7,
    iccid_command="+QCCID",
    iccid_prefix="+QCCID: ",
    cnmi=cnmi("(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)", (0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1)),
    cpms_offered='("ME","SM","SR"),("ME","SM"),("ME","SM")',
    capacities={"ME": 255, "SR": 50},  # EC20/EC25 ME 255 [GA, CD]
    first_memory="ME",
    report_memory="SR",  # ds=2: kept in SR, announced as "SM",0 [CQ #75, GA #408]
    announces_report_wrongly=True,
    index_base=0,  # some Quectel start at 0 [GA]
    boot=((0.0, "RDY"), (0.5, "+CPIN: READY"), (0.5, "+QUSIM: 1"), (2.0, "+QIND: SMS DONE"), (2.5, "+QIND: PB DONE")),
    sms_ready_after_s=2.0,
    sim_settles_s=0.5,
    sms_busy=("cms", 302),
    chatter=('+QIND: "csq",20,99',),
    chatter_off=("+QINDCFG", '"csq",0'),
    full_line='+QIND: "smsfull","{memory}"',
    sim_gone=("+CPIN: NOT READY", "+QUSIM: 0"),
    sim_back=("+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE"),
    cnma=frozenset({"bare", "1"}),  # under +CSMS=1 only; a second one gives CMS 340 [EC25, OF]
    power_off={"+QPOWD": "POWERED DOWN", "+QPOWD=1": "POWERED DOWN", "+QPOWD=0": "POWERED DOWN"},
    drops_port=True,  # after CFUN=1,1 the USB port disappears
    pin_counter=("+QPINC?", '+QPINC: "SC",{pin},{puk}\n+QPINC: "P2",3,10'),
    ussd="charset",
    vendor={
        "+QURCCFG=": "",
        "+QURCCFG?": '+QURCCFG: "urcport","usbat"',
        "+QINDCFG=": "",
        "+QCFG=": "",
        "+QINISTAT": "+QINISTAT: {inistat7}",
        "+QNWINFO": '+QNWINFO: "FDD LTE","46000","LTE BAND 3",1300',
        "+QCSQ": '+QCSQ: "LTE",{dbm},{rsrp},195,-10',
        '+QENG="servingcell"': (
            '+QENG: "servingcell","NOCONN","LTE","FDD",460,00,C3D4E5F,123,1300,3,5,5,1A2B,{rsrp},-10,{dbm},15,30'
        ),
        "+QTEMP": "+QTEMP: {temp},{temp},{temp}",
        "+CBC": "+CBC: 0,95,{mv}",
        "+CESQ": "+CESQ: 99,99,255,255,20,{cesq}",
    },
)
